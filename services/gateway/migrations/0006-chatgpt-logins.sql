-- What an account of kind chatgpt has beside its sealed tokens: where they are renewed, which Codex home they came from, whether they are
-- still good, and how often they have been replaced, so that a writer that was overtaken changes nothing.
alter table gateway.account
  add column token_url text,
  add column codex_home text,
  add column login_state text not null default 'ok' check (login_state in ('ok', 'needs_login')),
  add column login_generation integer not null default 0;
