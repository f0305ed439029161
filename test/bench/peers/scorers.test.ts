import { expect, test } from 'vitest'
import { usedScorers } from '../../../bench/peers/scorers.ts'

test('only scorers that have run count', () => {
  const page = `# TYPE x_plugin_duration_seconds histogram
x_plugin_duration_seconds_bucket{extension_point="Scorer",plugin_type="kv-cache-utilization-scorer",le="1"} 3
x_plugin_duration_seconds_count{extension_point="Scorer",plugin_name="q",plugin_type="queue-scorer"} 12
x_plugin_duration_seconds_count{extension_point="Scorer",plugin_name="p",plugin_type="prefix-cache-scorer"} 0
x_plugin_duration_seconds_count{extension_point="PreRequest",plugin_name="l",plugin_type="lora-affinity-scorer"} 12
`
  expect(usedScorers(page)).toEqual(new Set(['queue-scorer']))
})
