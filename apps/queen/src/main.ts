import { Log, runService } from '#service-kit';

import { loadQueenConfig, queenHelp } from './config/queen-config.js';
import { createQueen } from './queen.module.js';

await runService({
  name: 'queen',
  help: queenHelp(),
  load: (argv) => loadQueenConfig({ argv, env: process.env }),
  create: (config) => createQueen(config, new Log('queen')),
});
