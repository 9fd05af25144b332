-- Models that an account's upstream knows under other names: {"ours": "theirs"}; null when there are none.
alter table gateway.account add column model_map jsonb;

-- The pool that serves a key; null is the default one. Pools are declared in switchyard.toml, so nothing here can hold the name to one.
alter table gateway.key add column pool text;
