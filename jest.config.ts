import { availableParallelism } from 'node:os';

import type { Config } from 'jest';

/** Tests run on the sources, as ES modules; `tsc` has checked the types before (`npm run types`). */
const config: Config = {
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/e2e', '<rootDir>/chaos'],
  testMatch: ['**/*.spec.ts', '**/*.e2e-spec.ts', '**/*.chaos-spec.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^#(contracts|service-kit|telemetry|testing)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: { isolatedModules: true } }] },
  testTimeout: 20_000,
  // Most suites wait more than they compute: two at a time even on two cores, where Jest would take one.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};

export default config;
