import { noParameters } from '../plugin-kind.ts'
import { deciderKind } from './decider.ts'

/** Every request has its prefill elsewhere. */
export const alwaysDisaggPdDecider = deciderKind('always-disagg-pd-decider', noParameters, () => ({
  disaggregates: () => true,
}))

/** Every request with images, audio or video has them encoded elsewhere. */
export const alwaysDisaggMultimodalDecider = deciderKind('always-disagg-multimodal-decider', noParameters, () => ({
  disaggregates: (request) => request.isMultimodal,
}))
