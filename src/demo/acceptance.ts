import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { defaultLimits } from '../request/limits.ts'
import type { JournalEntry } from '../sim/journal.ts'
import { demand, demandChatAnswer, demandError, demandStatus, readJson } from './demand.ts'
import { chatBody, type Ground, largeChatBody, Probe } from './probe.ts'

export type Check = {
  /** As in the acceptance scenario: B for routing, C for canaries. */
  readonly id: string
  readonly title: string
  /** @throws an Error whose message is the reason of the failure. */
  readonly run: (probe: Probe) => Promise<void>
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Runs one check; whatever it throws is a failure. */
export async function runCheck(check: Check, ground: Ground): Promise<Verdict> {
  const probe = new Probe(ground)
  try {
    await check.run(probe)
    return { ok: true }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  } finally {
    probe.close()
  }
}

const mebibyte = 1024 * 1024

const { maxBodyBytes } = defaultLimits

export const checks: readonly Check[] = [
  {
    id: 'B1',
    title: 'qwen answers chat',
    run: (probe) => demandServed(probe, 'qwen'),
  },
  {
    id: 'B2',
    title: 'deepseek-r1 answers chat',
    run: (probe) => demandServed(probe, 'deepseek-r1'),
  },
  {
    id: 'B3',
    title: '50 of each at once, each from the right server',
    async run(probe) {
      const models = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? 'qwen' : 'deepseek-r1'))
      const answers = await Promise.all(models.map((model) => probe.chat(model)))
      for (const [index, answer] of answers.entries()) demandChatAnswer(answer, models[index])
      for (const model of ['qwen', 'deepseek-r1']) {
        const counts = countModels(probe.arrived(model))
        demand(counts[model] === 50, `servers of ${model} got ${JSON.stringify(counts)}, not 50 of their own`)
      }
    },
  },
  {
    id: 'B4',
    title: 'model as the last key, after 1 MiB of messages',
    async run(probe) {
      const answer = await probe.chat('qwen', { body: largeChatBody('qwen', mebibyte, true) })
      if (probe.ground.mode === 'streamed') {
        const { message } = demandError(answer, 413)
        demand(message.includes('streamed-hold-bytes'), `the message does not name the setting: ${message}`)
        probe.noArrival()
      } else {
        demandChatAnswer(answer, 'qwen')
        probe.onlyArrival('qwen')
      }
    },
  },
  {
    id: 'B5',
    title: 'a stream is passed on as it is made',
    async run(probe) {
      const pauseMs = 400
      const headers = { 'x-sim-fault': `stall=${pauseMs};afterChunks=3` }
      const answer = await probe.chat('qwen', { fields: { stream: true }, headers })
      demandStatus(answer, 200)
      const type = answer.headers['content-type'] ?? ''
      demand(type.startsWith('text/event-stream'), `content type ${type}, not text/event-stream`)
      demand(answer.body.toString().endsWith('data: [DONE]\n\n'), 'the last event is not data: [DONE]')
      const heldMs = answer.arrivalsMs.at(-1)! - answer.arrivalsMs[0]
      demand(heldMs > pauseMs / 2, `first and last chunk came ${Math.round(heldMs)} ms apart, though the server paused`)
      probe.onlyArrival('qwen')
    },
  },
  {
    id: 'B6',
    title: 'completions with a prompt',
    async run(probe) {
      const body = JSON.stringify({ model: 'qwen', prompt: 'who are you?' })
      const answer = await probe.send({ path: '/v1/completions', body })
      demandStatus(answer, 200)
      const { object } = readJson(answer)
      demand(object === 'text_completion', `object ${object}, not text_completion`)
      probe.onlyArrival('qwen')
    },
  },
  {
    id: 'B7',
    title: "a client's own model header is replaced",
    async run(probe) {
      const headers = { 'X-Gateway-Model-Name': 'deepseek-r1' }
      demandChatAnswer(await probe.chat('qwen', { headers }), 'qwen')
      const seen = probe.onlyArrival('qwen').headers['x-gateway-model-name']
      demand(seen === 'qwen', `the server saw x-gateway-model-name: ${seen}`)
    },
  },
  {
    id: 'B8',
    title: 'what the server sees: header, body, framing',
    async run(probe) {
      const body = chatBody('qwen')
      demandChatAnswer(await probe.chat('qwen', { body }), 'qwen')
      const { headers, bodySha256 } = probe.onlyArrival('qwen')
      demand(headers['x-gateway-model-name'] === 'qwen', `x-gateway-model-name: ${headers['x-gateway-model-name']}`)
      demand(bodySha256 === createHash('sha256').update(body).digest('hex'), 'the body has changed')
      const length = headers['content-length']
      if (probe.ground.mode === 'buffered') {
        demand(length === String(body.length), `content-length ${length}, not ${body.length}`)
      } else {
        demand(
          length === undefined && headers['transfer-encoding'] === 'chunked',
          'not chunked, or with a content-length',
        )
      }
    },
  },
  {
    id: 'B9',
    title: 'an unknown model is 404, no server contacted',
    async run(probe) {
      const { message, code } = demandError(await probe.chat('no-such-model'), 404)
      demand(message.includes('no-such-model'), `the message does not name the model: ${message}`)
      demand(code === 'model_not_found', `code ${code}`)
      probe.noArrival()
    },
  },
  {
    id: 'B10',
    title: 'no model, a model that is no text, no JSON: 400; other paths pass',
    async run(probe) {
      const noModel = demandError(await probe.chat(undefined), 400)
      demand(noModel.param === 'model', `param ${noModel.param} without a model`)
      const notText = demandError(await probe.chat(7), 400)
      demand(
        notText.param === 'model' && notText.code !== noModel.code,
        `code ${notText.code} for a model that is no text`,
      )
      const notJson = demandError(await probe.chat('', { body: 'who are you?' }), 400)
      demand(notJson.code !== noModel.code && notJson.code !== notText.code, `code ${notJson.code} without JSON`)
      probe.noArrival()

      const body = 'neither JSON nor a model'
      await probe.send({ path: '/v1/models', body, headers: { 'x-gateway-model-name': 'deepseek-r1' } })
      const entry = probe.onlyArrival('qwen')
      demand(entry.body.toString() === body, 'the body of a request on another path has changed')
      demand(!('x-gateway-model-name' in entry.headers), "a client's own header passed on another path")
    },
  },
  {
    id: 'B11',
    title: 'an adapter that no model names is 404',
    async run(probe) {
      demandError(await probe.chat('travel-helper-v1'), 404)
      probe.noArrival()
    },
  },
  {
    id: 'B12',
    title: 'a body of 19 MiB',
    async run(probe) {
      const body = largeChatBody('qwen', 19 * mebibyte)
      demandChatAnswer(await probe.chat('qwen', { body }), 'qwen')
      demand(probe.onlyArrival('qwen').bodyBytes === body.length, 'the body arrived with another length')
    },
  },
  {
    id: 'B13',
    title: 'a body over 20 MiB is 413, declared or not',
    async run(probe) {
      const declared = { 'content-length': String(maxBodyBytes + 1) }
      demandError(await probe.chat('qwen', { headers: declared, body: awaitAnswer() }), 413)
      probe.noArrival()
      const endless = await probe.chat('qwen', { body: endlessBody('qwen') })
      demandError(endless, 413)
      // What lies in the buffers of sockets and programs comes on top of the limit.
      demand(endless.sentBytes < 4 * maxBodyBytes, `${endless.sentBytes} bytes could be sent`)
      demandChatAnswer(await probe.chat('qwen'), 'qwen')
    },
  },
  {
    id: 'C1',
    title: 'a canary of adapters, 90 to 10',
    async run(probe) {
      const answers = await probe.many(1000, () => probe.chat('travel-helper'))
      for (const answer of answers) demandStatus(answer, 200)
      const counts = countModels(probe.arrived('qwen'))
      const { 'travel-helper-v1': v1 = 0, 'travel-helper-v2': v2 = 0 } = counts
      demand(v1 + v2 === 1000 && v1 >= 860 && v1 <= 940, `the servers of qwen saw ${JSON.stringify(counts)}`)
    },
  },
  {
    id: 'C2',
    title: 'the canary follows its file',
    async run(probe) {
      const { modelsFile } = probe.ground
      const before = await readFile(modelsFile, 'utf8')
      try {
        await replaceFile(modelsFile, withoutTarget(before, 'travel-helper', 'travel-helper-v1'))
        await untilShare(probe, (v2Share) => v2Share === 1)
        const answers = await probe.many(200, () => probe.chat('travel-helper'))
        const models = countModels(answers.map((answer) => readJson(answer)))
        demand(models['travel-helper-v2'] === 200, `after the change, models ${JSON.stringify(models)} answered`)
      } finally {
        await replaceFile(modelsFile, before)
      }
      await untilShare(probe, (v2Share) => v2Share < 0.5)
    },
  },
  {
    id: 'C3',
    title: 'one name over two pools, 80 to 20',
    async run(probe) {
      const answers = await probe.many(1000, () => probe.chat('assistant'))
      for (const answer of answers) demandStatus(answer, 200)
      const qwen = countModels(probe.arrived('qwen')).qwen ?? 0
      const deepseek = countModels(probe.arrived('deepseek-r1'))['deepseek-r1'] ?? 0
      demand(qwen + deepseek === 1000 && qwen >= 760 && qwen <= 840, `${qwen} at qwen, ${deepseek} at deepseek-r1`)
    },
  },
]

async function demandServed(probe: Probe, model: string): Promise<void> {
  demandChatAnswer(await probe.chat(model), model)
  demand(probe.onlyArrival(model).model === model, `the server did not see the model ${model}`)
}

function countModels(entries: readonly JournalEntry[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { model = 'none' } of entries) counts[model] = (counts[model] ?? 0) + 1
  return counts
}

/** A body of which nothing is sent, as the answer comes before. */
async function* awaitAnswer(): AsyncGenerator<Buffer> {
  await sleep(10_000, undefined, { ref: false })
  yield Buffer.from('too late')
}

/** The beginning of a chat body, then messages without end. */
async function* endlessBody(model: string): AsyncGenerator<Buffer> {
  yield Buffer.from(`{"model": "${model}", "messages": [{"role": "user", "content": "`)
  const text = Buffer.alloc(64 * 1024, 'who are you? ')
  for (let bytes = 0; bytes < 8 * maxBodyBytes; bytes += text.length) yield text
}

/** Asks for the canary until the share of its new version in 20 answers is as wanted. */
async function untilShare(probe: Probe, wanted: (v2Share: number) => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (performance.now() < deadlineMs) {
    const answers = await probe.many(20, () => probe.chat('travel-helper'))
    for (const answer of answers) demandStatus(answer, 200)
    const { 'travel-helper-v2': v2 = 0 } = countModels(answers.map((answer) => readJson(answer)))
    if (wanted(v2 / answers.length)) return
    await sleep(100)
  }
  throw new Error('10 s after its file was changed, the canary still had the old weights')
}

/** Manifests without one target of one InferenceModel. */
function withoutTarget(manifests: string, model: string, target: string): string {
  const documents = parseAllDocuments(manifests)
  for (const document of documents) {
    if (document.getIn(['metadata', 'name']) !== model) continue
    const { targetModels } = document.toJS().spec
    const index = targetModels.findIndex(({ name }: { name: string }) => name === target)
    document.deleteIn(['spec', 'targetModels', index])
  }
  return documents.join('')
}

/** In one step, so that no reader finds half a file. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}
