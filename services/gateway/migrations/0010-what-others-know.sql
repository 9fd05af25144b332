-- When a second look ended the blocks that had begun by then: so that a shorter block, written later, need not say that a longer one is over.
alter table gateway.quota
  add column lifted_at  timestamptz;

-- Counts the changes of accounts and keys, in the transactions that make them: so that a process which may have missed a notice can see at one
-- look whether what it holds in memory is old.
create table gateway.generation (
  only_one  boolean primary key default true check (only_one),
  n         bigint not null default 0
);
insert into gateway.generation default values;
