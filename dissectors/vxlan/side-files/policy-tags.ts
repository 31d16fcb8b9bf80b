import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { SideKnowledge } from '../../../src/side-files/side-knowledge.js';
import type { PolicyTags } from '../policy-tags-shape.js';

/**
 * Answers of Cloud Foundry's policy server: the tags (`cf curl /networking/v1/external/tags`), with or without the
 * policies. A tag is hexadecimal text; on the wire it is the group policy id of VXLAN.
 */
const policyTags = defineSideFileReader<PolicyTags>({
  kind: 'policy tags',
  json: {
    words: 'policy tags',
    option: 'tags',
    recognises: isPolicyTags,
    async read(file, value) {
      const { readPolicyTags } = await import('../policy-tags-shape.js');
      return [readPolicyTags(file, value)];
    },
  },
  statements: ({ byTag, policies }) => byTag.size + policies.length,
  commands: ['external/tags'],
  usedBy: ['vxlan.gbp-unknown-tag', 'silk.tag-ip-mismatch', 'overlay.policy-reject'],
});
export default policyTags;

function isPolicyTags(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return (
    ('tags' in value && Array.isArray(value.tags)) || ('policies' in value && Array.isArray(value.policies))
  );
}

/** What all files say together, null where none was given; of two statements about one tag the later file's counts. */
export function policyTagsOf(side: SideKnowledge): PolicyTags | null {
  const answers = side.of(policyTags);
  if (answers.length === 0) return null;
  return {
    files: answers.flatMap(({ files }) => files),
    byTag: new Map(answers.flatMap(({ byTag }) => [...byTag])),
    byGroup: new Map(answers.flatMap(({ byGroup }) => [...byGroup])),
    policies: answers.flatMap(({ policies }) => policies),
  };
}
