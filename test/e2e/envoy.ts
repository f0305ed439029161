import { findEnvoy } from '../../src/demo/envoy-binary.ts'

/** The Envoy binary of these tests; undefined where none can be had, and then they are skipped. */
export const envoy = await findEnvoy(process.env, console.log).catch((error: Error) => {
  console.log(`skipped (put the path of an Envoy 1.40 into ENVOY_BIN): ${error.message.replaceAll('\n', ' ')}`)
  return undefined
})
