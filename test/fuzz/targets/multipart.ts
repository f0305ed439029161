import { deepEqual, equal } from 'node:assert/strict'
import { MultipartReader } from '../../../src/request/bodies/multipart.ts'
import { readPieces, renamed } from '../../request/bodies/read-body.ts'
import { mutateText } from '../mutate-text.ts'
import { byteByByte, randomPieces, wholly } from '../pieces.ts'
import { type Random, seededRandom } from '../random.ts'
import { type BytesCase, defineTarget, toBytes } from '../target.ts'

type FormCase = BytesCase & { readonly contentType: string }

const words = [
  ...['\r\n', '\r\n\r\n', '--b', '\r\n--b', '\r\n--b--', '--b--\r\n', '\r\n--b\r\n', '--', '--bb', '\r\n--b \t\r\n'],
  ...['Content-Disposition: form-data; name="model"', 'content-disposition:form-data;name=model', '; name="model"'],
  ...['; filename="f"', "; filename*=utf-8''f", "; name*=utf-8''model", 'name="mod\\el"', 'name="mod%65l"', '%22'],
  ...[
    '\r\nContent-Disposition: form-data; name="model"\r\n\r\nother\r\n--b',
    'Content-Type: text/plain',
    ' \r\n folded',
  ],
  ...['Content-Transfer-Encoding: base64', 'model', 'user', 'stream', 'true'],
]

function part(random: Random): string {
  const name = random.pick(['model', 'model', 'user', 'stream', 'file', 'prompt'])
  const file = random.pick(['', '', '; filename="a.wav"\r\nContent-Type: audio/wav'])
  const value = random.pick([
    'whisper-1',
    'true',
    '',
    'RIFF\r\n\0--',
    '\r\n-',
    ' a b ',
    '--b',
    'é'.repeat(10),
    'x'.repeat(1100),
  ])
  return `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`
}

const renamedTo = 'the-new-one'

export const multipart = defineTarget<FormCase>({
  name: 'multipart',
  promise: 'forms are judged the same in any pieces; what is renamed has that name for other readers of forms, too',

  generate(random) {
    const form = `${Array.from({ length: random.below(5) }, () => part(random)).join('')}--b--\r\n`
    const bytes = Buffer.from(random.chance(0.1) ? form : mutateText(form, random, { words })).toString('latin1')
    const contentType = random.chance(0.9)
      ? 'multipart/form-data; boundary=b'
      : mutateText('multipart/form-data; boundary="b"', random, { words: ['boundary=b', 'boundary=', ';', '"', '\\'] })
    return { bytes, cut: random.below(2 ** 31), contentType }
  },

  async check({ bytes, cut, contentType }) {
    const body = toBytes(bytes)
    const random = seededRandom(cut)
    const open = () => new MultipartReader(contentType)
    const whole = readPieces(open(), wholly(body))
    deepEqual(readPieces(open(), randomPieces(body, random)), whole)
    if (body.length < 3000) deepEqual(readPieces(open(), byteByByte(body)), whole)
    equal(whole.error === undefined, whole.isComplete)
    if (!whole.isComplete || whole.model === undefined) return

    const sent = renamed(open(), randomPieces(body, random), renamedTo)
    const again = readPieces(open(), wholly(Buffer.from(sent)))
    deepEqual({ ...again, model: whole.model, modelSpans: [] }, { ...whole, modelSpans: [] })
    equal(again.model, renamedTo)
    equal(again.modelSpans.length, whole.modelSpans.length)

    // Node's own parser of forms, where it takes the form at all.
    const other = await new Response(new Uint8Array(sent), { headers: { 'content-type': contentType } })
      .formData()
      .catch(() => undefined)
    for (const value of other?.getAll('model') ?? []) {
      equal(typeof value === 'string' ? value : await (value as File).text(), renamedTo)
    }
  },
})
