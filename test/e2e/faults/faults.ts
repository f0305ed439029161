/** What is tried, in the order of the tables in README.md and docs/faults.md, and what the rows there are called. */
export const faults = [
  'Signalbox is killed',
  'One of two Signalboxes is killed',
  'Signalbox is drained',
  'Signalbox stands still for 2 s',
  'Envoy is restarted',
  'The wall clock jumps',
  'A model server refuses connections',
  'A model server comes and goes',
  'A model server stalls',
  'A model server breaks off its answers',
  'A model server answers 503',
  'Metrics of a model server are slow',
  'Metrics of a model server lie',
  'Metrics of a model server are gone',
  'A resource file is half written',
  'The endpoints file is half written',
  'The disk is full',
] as const

export type Fault = (typeof faults)[number]
