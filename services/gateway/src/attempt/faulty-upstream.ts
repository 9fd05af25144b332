import { ON_PURPOSE, UpstreamFailure } from '@switchyard/contracts';
import type { BodySink, FaultBudget, Upstream, UpstreamBody, UpstreamCall, UpstreamRequest } from '@switchyard/contracts';
import { openUpstreamSocket } from './socket-upstream.ts';

/** An upstream that cannot be reached, or breaks off after its first bytes, as often as the budget says. */
export function faultyUpstream(upstream: Upstream, faults: FaultBudget): Upstream {
  return {
    dispatch(request: UpstreamRequest): UpstreamCall {
      if (faults.take('upstream_connect')) return { answer: Promise.reject(new UpstreamFailure('connect', MADE)), abort: () => {} };
      const call = upstream.dispatch(request);
      return { answer: call.answer.then((answer) => ({ ...answer, body: faultyBody(answer.body, call, faults) })), abort: () => call.abort() };
    },
    close: () => upstream.close(),
  };
}

/** The same for the WebSocket to an upstream, which is not to be had. */
export function faultySocket(faults: FaultBudget): typeof openUpstreamSocket {
  return (...args) =>
    faults.take('upstream_connect') ? { opened: Promise.reject(new UpstreamFailure('connect', MADE)), abort: () => {} } : openUpstreamSocket(...args);
}

const MADE = new Error(ON_PURPOSE);

function faultyBody(body: UpstreamBody, call: UpstreamCall, faults: FaultBudget): UpstreamBody {
  let failure: UpstreamFailure | null = null;
  return {
    start(sink: BodySink) {
      if (failure !== null) return sink.fail(failure);
      body.start({
        data(chunk) {
          if (failure !== null) return;
          sink.data(chunk);
          if (!faults.take('upstream_read')) return;
          failure = new UpstreamFailure('reset', MADE);
          call.abort();
          sink.fail(failure);
        },
        end() {
          if (failure === null) sink.end();
        },
        fail(broken) {
          if (failure === null) sink.fail(broken);
        },
      });
    },
    pause: () => body.pause(),
    resume: () => body.resume(),
  };
}
