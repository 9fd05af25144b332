-- How much an account may be asked to do. Null means the default of its kind.
alter table gateway.account
  add column max_in_flight    integer check (max_in_flight > 0),  -- beyond it the account is passed over
  add column soft_in_flight   integer check (soft_in_flight > 0), -- from it on others go first
  add column reserve_percent  smallint not null default 0 check (reserve_percent between 0 and 99);

-- The last that was heard of an account's quota, so that a restart does not forget that it is out. Written behind.
create table gateway.quota (
  account_id     text primary key references gateway.account (id) on delete cascade,
  reading        jsonb,        -- null when only a block is known
  seen_at        timestamptz not null,
  blocked_until  timestamptz,
  blocked_at     timestamptz
);
