import type { Target } from './target.ts'
import { answers } from './targets/answers.ts'
import { codec } from './targets/codec.ts'
import { configuration } from './targets/configuration.ts'
import { conversation } from './targets/conversation.ts'
import { engineGrpc } from './targets/engine-grpc.ts'
import { expression } from './targets/expression.ts'
import { http2 } from './targets/http2.ts'
import { inflate } from './targets/inflate.ts'
import { manifests } from './targets/manifests.ts'
import { metricsPage } from './targets/metrics-page.ts'
import { multipart } from './targets/multipart.ts'
import { routes } from './targets/routes.ts'
import { scan } from './targets/scan.ts'
import { templates } from './targets/templates.ts'

/** Everything that takes bytes or texts from others. */
export const targets: readonly Target[] = [
  http2,
  codec,
  conversation,
  scan,
  multipart,
  engineGrpc,
  inflate,
  answers,
  expression,
  configuration,
  manifests,
  routes,
  templates,
  metricsPage,
]
