/** Preloaded into Signalbox: with each SIGUSR2 its wall clock jumps, forward at first, then far back. Timers know nothing of it. */
const dayMs = 24 * 60 * 60 * 1000
const jumpsMs = [dayMs, -365 * dayMs]

const SystemDate = Date
let shiftMs = 0
const now = () => SystemDate.now() + shiftMs

globalThis.Date = new Proxy(SystemDate, {
  apply: () => new SystemDate(now()).toString(),
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})

process.on('SIGUSR2', () => {
  shiftMs += jumpsMs.shift() ?? 0
  console.error(`the wall clock says ${new Date().toISOString()}`)
})
