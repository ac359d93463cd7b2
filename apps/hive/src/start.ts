import { Log, runService } from '#service-kit';

import { hiveHelp, loadHiveConfig } from './config/hive-config.js';
import { createHive } from './hive.module.js';

await runService({
  name: 'hive',
  help: hiveHelp(),
  load: (argv) => loadHiveConfig({ argv, env: process.env }),
  create: (config) => createHive(config, new Log('hive')),
});
