import { collectDefaultMetrics } from 'prom-client'
import { type ResourceKind, resourceName } from '../kubernetes/object.ts'
import type { ReflectorState } from '../kubernetes/reflector.ts'
import { type RolloutPhase, rolloutPhases } from '../rollout/state.ts'
import { labelsOf, type ScalarSample, scalarFamily } from '../telemetry/family.ts'
import { MetricsPage } from '../telemetry/metrics-page.ts'
import { plainFamily, ValueCounter } from '../telemetry/value-counter.ts'
import type { WriteResult } from './write-queue.ts'

/** What the gauges are read from when a scrape comes. */
export type ControllerState = {
  isLeader(): boolean
  /** Writes that are to be sent or under way. */
  pendingWrites(): number
  resourceProblems(): number
  /** Services whose routes are made, by the state of these. */
  services(): Iterable<readonly [kind: ResourceKind, state: string, services: number]>
  /** Those that this replica drives. */
  rollouts(): Iterable<RolloutStanding>
  watches(): Iterable<readonly [kind: ResourceKind, state: ReflectorState]>
}

export type RolloutStanding = {
  /** `InferenceModel default/travel-helper` */
  readonly resource: string
  /** Name of the target model that is rolled out. */
  readonly target: string
  readonly phase: RolloutPhase
}

const watchStates: readonly ReflectorState['name'][] = ['starting', 'synced', 'missing', 'forbidden', 'failing']

export function createControllerMetrics(state: ControllerState) {
  const writes = new Map<string, number>()
  const events = new ValueCounter('result')
  const page = new MetricsPage(
    [
      plainFamily('gauge', 'signalbox_controller_leader', '1 while this replica holds the lease and writes.', () =>
        Number(state.isLeader()),
      ),
      scalarFamily(
        'counter',
        {
          name: 'signalbox_controller_writes_total',
          help: 'Writes by resource and result; a conflict, with another manager of the fields, is counted beside them.',
          labelNames: ['resource', 'result'],
        },
        () => writes,
      ),
      plainFamily('gauge', 'signalbox_controller_pending_writes', 'Writes to be sent or under way.', () =>
        state.pendingWrites(),
      ),
      events.family('signalbox_controller_events_total', 'Kubernetes Events by result.'),
      scalarFamily(
        'gauge',
        {
          name: 'signalbox_watch_state',
          help: '1 for the state in which each resource is watched.',
          labelNames: ['resource', 'state'],
        },
        () => watchSamples(state),
      ),
      scalarFamily(
        'gauge',
        {
          name: 'signalbox_controller_services',
          help: 'Services whose routes this replica makes, by state: the reason of IngressReady or HTTPRouteReady.',
          labelNames: ['resource', 'state'],
        },
        () => serviceSamples(state),
      ),
      scalarFamily(
        'gauge',
        {
          name: 'signalbox_rollout_phase',
          help: '1 for the phase in which each rollout is that this replica drives: the reason of the condition Rollout.',
          labelNames: ['resource', 'target', 'phase'],
        },
        () => rolloutSamples(state),
      ),
      plainFamily(
        'gauge',
        'signalbox_resource_problems',
        'Problems of the resources, as their conditions and the log tell them.',
        () => state.resourceProblems(),
      ),
    ],
    performance.now.bind(performance),
  )
  collectDefaultMetrics({ register: page.registry })
  return {
    page,
    countWrite(kind: ResourceKind, result: WriteResult): void {
      const labels = labelsOf(['resource', 'result'], [resourceName(kind), result])
      writes.set(labels, (writes.get(labels) ?? 0) + 1)
    },
    countEvent: (result: 'written' | 'failed') => events.add(result),
  }
}

function* serviceSamples(state: ControllerState): Generator<ScalarSample> {
  for (const [kind, name, services] of state.services()) {
    yield [labelsOf(['resource', 'state'], [resourceName(kind), name]), services]
  }
}

/** A resource that is watched in several parts has the states of all of them. */
function* watchSamples(state: ControllerState): Generator<ScalarSample> {
  const byResource = Map.groupBy(state.watches(), ([kind]) => resourceName(kind))
  for (const [resource, watches] of byResource) {
    for (const each of watchStates) {
      yield [labelsOf(['resource', 'state'], [resource, each]), Number(watches.some(([, { name }]) => name === each))]
    }
  }
}

function* rolloutSamples(state: ControllerState): Generator<ScalarSample> {
  for (const { resource, target, phase } of state.rollouts()) {
    for (const each of rolloutPhases) {
      yield [labelsOf(['resource', 'target', 'phase'], [resource, target, each]), Number(each === phase)]
    }
  }
}
