import { expect, test } from 'vitest';
import { isNodeFit } from './node-range.mjs';

test.for(['24.11.0', '24.21.0', '26.0.0', '26.10.0', '27.1.0'])('Node %s runs our sources', (version) => {
  expect(isNodeFit(version)).toBe(true);
});

test.for(['18.20.0', '20.20.2', '22.22.2', '24.10.0', '25.9.0'])('Node %s does not', (version) => {
  expect(isNodeFit(version)).toBe(false);
});
