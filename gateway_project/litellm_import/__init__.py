"""`tollkeeper import-litellm`: the rows of a LiteLLM proxy's PostgreSQL database, as ours.

LiteLLM's database is only read, in one read-only transaction that sees one moment of it; ours is written in one
transaction too, so an import is there as a whole or not at all. (On SQLite nobody else can write meanwhile: a gateway
that runs keeps its ledger in the spool for so long.) The rules:

* A row that is not here is made, with LiteLLM's id, times and maker. A key keeps its hash, so the key keeps working.
* A row that only imports have written (so says the audit trail) follows LiteLLM at the next import.
* A row that anybody else has made or changed stays as it is; where LiteLLM's differs, that is told.
* What was deleted here is not brought back, nor is a key that was regenerated here: its former hash stays retired.
  What LiteLLM has deleted since an earlier import stays here.
* What LiteLLM's row says and we cannot keep is mended so that it allows no more than before, or the row is left out;
  each with its reason. A key whose organization cannot be found comes over blocked, and so does a model whose
  encrypted parameters the salt key does not open. Users and teams that rows only name are made.
* Spend is not imported: what was spent is counted in the ledger, from the first call here.
* Secrets are neither printed nor kept, but for providers' credentials, which go into the one encrypted column.
"""
