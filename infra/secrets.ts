/**
 * Set with `npx sst secret set NAME VALUE --stage STAGE`. A deployment without QdrantUrl stops and says so; without
 * ApiKeys, writing is refused, which is safe, so it has a placeholder.
 */
export function createSecrets() {
  return {
    /** Such as https://xyz.eu-central-1-0.aws.cloud.qdrant.io:6333 */
    qdrantUrl: new sst.Secret('QdrantUrl'),
    /** Empty for a server without a key. */
    qdrantApiKey: new sst.Secret('QdrantApiKey', ''),
    /** SHA-256 hashes (hex) of keys, comma-separated: read:HASH, write:HASH. */
    apiKeys: new sst.Secret('ApiKeys', ''),
  };
}

export type Secrets = ReturnType<typeof createSecrets>;
