import OpenAI from 'openai';

/** The class of error that the `openai` SDK has for each of these presets, for the tests that look through its eyes. */
export const SDK_ERRORS = [
  ['400', OpenAI.BadRequestError],
  ['401', OpenAI.AuthenticationError],
  ['403', OpenAI.PermissionDeniedError],
  ['404', OpenAI.NotFoundError],
  ['409', OpenAI.ConflictError],
  ['422', OpenAI.UnprocessableEntityError],
  ['429', OpenAI.RateLimitError],
  ['500', OpenAI.InternalServerError],
  ['529', OpenAI.InternalServerError],
  ['insufficient_quota', OpenAI.RateLimitError],
  ['server_is_overloaded', OpenAI.InternalServerError],
] as const;
