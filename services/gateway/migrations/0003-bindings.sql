-- What conversations are recognised by, each with the account that it belongs to. Ids are kept as the first half of SHA-256 over kind,
-- namespace, session and id, so that a row is short whatever the id, and nobody can read one off the table.
create table gateway.binding (
  digest      bytea primary key check (octet_length(digest) = 16),
  kind        smallint not null,
  account_id  text not null, -- '' when two accounts claim it
  namespace   text not null, -- the key that may use it; '' when two claim it
  epoch       integer not null,
  state       smallint not null,
  state_at    timestamptz not null,
  misses      smallint not null,
  bound_at    timestamptz not null,
  touched_at  timestamptz not null
) with (fillfactor = 80);
create index binding_touched on gateway.binding (kind, touched_at);
create index binding_account on gateway.binding (account_id);

insert into gateway.binding (digest, kind, account_id, namespace, epoch, state, state_at, misses, bound_at, touched_at)
select substring(sha256(convert_to('response' || E'\x1f\x1f\x1f' || response_id, 'UTF8')) for 16), 1, account_id, key_id, 0, 0, created_at, 0, created_at, created_at
  from gateway.response_binding;
drop table gateway.response_binding;
