-- Values of an account's own headers may be secret (`api-key`), so they are sealed like its credential; names stay readable.
alter table gateway.account
  add column header_names   text[] not null default '{}',
  add column sealed_headers bytea; -- JSON text, sealed, bound to the id; null without headers and where the file holds them

-- Plain values are forgotten, since SQL cannot seal them. A row that had some keeps their names without values: it is left out, and
-- says so, until it is added again.
update gateway.account
   set header_names = array(select jsonb_object_keys(headers) order by 1), headers = '{}'
 where headers <> '{}';

alter table gateway.account drop column headers;
