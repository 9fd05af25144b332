import { stringOr } from '../json.ts';
import type { Reply } from '../reply.ts';
import { jsonReply, refuse } from '../reply.ts';
import type { Call, World } from '../world.ts';

/** `POST /oauth/token`: renews a login (codex-protocol 8.2). */
export function renewLogin({ body }: Call, world: World): Reply {
  if (body['grant_type'] !== 'refresh_token') return refuse(400, { message: 'Only refresh_token is granted here.', code: 'unsupported_grant_type' });
  const renewed = world.logins.renew(stringOr(body['refresh_token'], ''));
  if (typeof renewed === 'string') return refuse(401, { message: 'Your refresh token is not good any more. Please sign in again.', code: renewed });
  return jsonReply(renewed);
}
