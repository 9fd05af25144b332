import type { Reply } from './reply.ts';
import { jsonReply, refuse } from './reply.ts';
import type { Call, World } from './world.ts';

const CREATED = 1_767_225_600;

/**
 * `GET /v1/models`: the OpenAI list (openai-api 4); with `client_version`, which only the codex CLI sends, its own shape with
 * an entity tag (codex-protocol 4).
 */
export function listModels(call: Call, world: World): Reply {
  if (!call.query.has('client_version')) return jsonReply({ object: 'list', data: world.models.map(entry) });
  return jsonReply({ models: world.models.map(codexEntry) }, 200, { etag: `"${world.models.join(',')}"` });
}

/** `GET /v1/models/{id}`. */
export function getModel(call: Call, world: World): Reply {
  const listed = world.models.includes(call.id) || (world.mode === 'sandbox' && world.serves(call.id));
  return listed ? jsonReply(entry(call.id)) : unknownModel(call.id);
}

/** The refusal for a name that is not served; codex reads the code (codex-protocol 2.8). */
export function unknownModel(model: string): Reply {
  return refuse(404, { message: `The model '${model}' does not exist or you do not have access to it.`, param: 'model', code: 'model_not_found' });
}

function entry(id: string): object {
  return { id, object: 'model', created: CREATED, owned_by: 'switchyard' };
}

function codexEntry(slug: string, priority: number): object {
  return {
    slug,
    display_name: slug,
    description: null,
    supported_reasoning_levels: [{ effort: 'medium', description: 'The only one' }],
    default_reasoning_level: 'medium',
    shell_type: 'unified_exec',
    visibility: 'list',
    supported_in_api: true,
    priority,
    base_instructions: 'You are a simulated model.',
    support_verbosity: false,
    truncation_policy: { mode: 'bytes', limit: 10_000 },
    experimental_supported_tools: [],
    context_window: 272_000,
    max_context_window: 272_000,
    supports_parallel_tool_calls: true,
    apply_patch_tool_type: null,
    input_modalities: ['text', 'image'],
  };
}
