import { createServer } from 'node:http'

/**
 * A model server for Envoy's upstream, as a program: reads the request to its end and answers 200 at once.
 * `node upstream.ts PORT`, on 127.0.0.1.
 */
const answerText = JSON.stringify({ object: 'chat.completion', choices: [] })

const server = createServer((request, answer) => {
  request.resume()
  request.on('end', () => {
    answer.writeHead(200, { 'content-type': 'application/json', 'content-length': answerText.length })
    answer.end(answerText)
  })
})
// Envoy keeps its connections for longer than Node's five seconds, and would meet one that is just closing.
server.keepAliveTimeout = 3_600_000
server.listen(Number(process.argv[2]), '127.0.0.1')
