import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bindingValue } from '../../test/binding-value.ts';
import { packNotices, unpackNotice } from './binding-notices.ts';

test('what is told to other processes arrives whole, in notices that PostgreSQL takes, and not at the sender', () => {
  fc.assert(
    fc.property(fc.array(bindingValue, { maxLength: 200, size: 'max' }), (values) => {
      const rows = values.map((value) => ({ ...value, digest: randomBytes(16).toString('base64'), kind: 7 }));
      const notices = packNotices('inst_a', rows);
      for (const notice of notices) expect(Buffer.byteLength(notice)).toBeLessThan(8_000);
      expect(notices.flatMap((notice) => unpackNotice(notice, 'inst_b'))).toEqual(rows);
      expect(notices.flatMap((notice) => unpackNotice(notice, 'inst_a'))).toEqual([]);
    }),
  );
});
