import type { Auth } from './auth.ts'
import type { Backend } from './backend.ts'
import type { Component, InferenceService } from './inference-service.ts'
import type { DeploymentMode } from './mode.ts'
import type { Settings } from './settings.ts'

/** What is known of a service when it is clear by what it is reached. */
export type Compilation = {
  readonly isvc: InferenceService
  readonly mode: DeploymentMode
  readonly settings: Settings
  readonly auth: Auth | undefined
  readonly backendOf: (component: Component) => Backend
}
