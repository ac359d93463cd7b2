export {
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiProperty,
  ApiQuery,
  ApiTags,
} from './api-docs.js';
export { ApiErrors } from './api-errors.js';
export { type Backoff, backoffMs } from './backoff.js';
export { Clock, SystemClock } from './clock.js';
export { createApp } from './create-app.js';
export { HealthController, HealthSource } from './health.controller.js';
export { listeningPort } from './listening-port.js';
export { Log } from './log.js';
export { type Beat, Pulse } from './pulse.js';
export { type ChosenUrl, isLoopback, urlHost, urlTowards } from './route.js';
export { runService, type Service } from './run-service.js';
export { type AppInfo } from './serve-docs.js';
export {
  choiceSetting,
  integerSetting,
  listenSettings,
  loadSettings,
  originSetting,
  type Settings,
  settingsHelp,
  type SettingsSource,
  switchSetting,
  textSetting,
} from './settings.js';
export { ShutdownGate } from './shutdown-gate.js';
export { encodeSse, encodeSseRetry, SSE_HEADERS, SSE_KEEP_ALIVE, type SseEvent } from './sse.js';
export { BodyValidation } from './validation.js';
export { VERSION } from './version.js';
