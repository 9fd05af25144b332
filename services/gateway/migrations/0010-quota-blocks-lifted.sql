-- When a second look ended the blocks that had begun by then: so that a shorter block, written later, need not say that a longer one is over.
alter table gateway.quota
  add column lifted_at  timestamptz;
