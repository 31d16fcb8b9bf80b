import { describe, expect, it } from 'vitest';
import { readContainerStore } from './container-store-shape.js';
import { readPolicyTags } from './policy-tags-shape.js';

describe('tags of the policy server', () => {
  it('reads hexadecimal tags as group policy ids', () => {
    const tags = readPolicyTags('tags.json', {
      tags: [
        { id: '1ee630fd-528a-4d80-97cd-dea170be759d', tag: '0003' },
        { id: 'router', tag: '00FF', type: 'router' },
      ],
    });
    expect([...tags.byTag.keys()]).toEqual([3, 255]);
    expect(tags.byTag.get(3)).toMatchObject({ group: '1ee630fd-528a-4d80-97cd-dea170be759d', type: null });
    expect(tags.byGroup.get('router')?.origin).toEqual({ file: 'tags.json', place: 'tags.1' });
  });

  it('reads policies', () => {
    const policy = {
      source: { id: 'a', tag: '0001' },
      destination: { id: 'b', protocol: 'tcp', ports: { start: 8080, end: 8090 } },
    };
    expect(readPolicyTags('p', { policies: [policy] }).policies).toMatchObject([
      { source: 'a', destination: 'b', protocol: 'tcp', firstPort: 8080, lastPort: 8090 },
    ]);
  });

  it('names the field that is wrong', () => {
    expect(() => readPolicyTags('tags.json', { tags: [{ id: 'a', tag: 3 }] })).toThrow(
      'tags.json: is no usable answer of the policy server: tags.0.tag: expected string, received number',
    );
    expect(() => readPolicyTags('t', { tags: [{ id: 'a', tag: '12345' }] })).toThrow(
      'tags.0.tag: expected a hexa',
    );
  });
});

describe('store.json', () => {
  it('reads containers, those without policy group too', () => {
    const store = {
      '53069156-e8cf-4ca5-5a0a-838e': {
        handle: '53069156-e8cf-4ca5-5a0a-838e',
        ip: '10.255.82.67',
        metadata: { app_id: '1ee630fd', space_id: 's', org_id: 'o', policy_group_id: '1ee630fd' },
      },
      bare: { ip: '10.255.82.68', metadata: { app_id: 'x' } },
      task: { ip: '10.255.82.69' },
    };
    expect(readContainerStore('store.json', store)).toEqual([
      {
        origin: { file: 'store.json', place: '53069156-e8cf-4ca5-5a0a-838e' },
        handle: '53069156-e8cf-4ca5-5a0a-838e',
        address: '10.255.82.67',
        app: '1ee630fd',
        space: 's',
        policyGroup: '1ee630fd',
      },
      expect.objectContaining({ handle: 'bare', app: 'x', policyGroup: null }),
      expect.objectContaining({ handle: 'task', app: null }),
    ]);
  });

  it('names the field that is wrong', () => {
    expect(() => readContainerStore('store.json', { a: { ip: 'here' } })).toThrow(
      "store.json: is no usable container store: a.ip: expected an IP address, not 'here'",
    );
    expect(() => readContainerStore('store.json', { a: { handle: 'x' } })).toThrow('a.ip: expected string');
  });
});
