-- Whether turns may reach the account over a WebSocket. Asking each upstream would cost every client of the others a refused upgrade.
alter table gateway.account add column websocket boolean not null default false;
