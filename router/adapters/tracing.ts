/** Traces for OpenTelemetry: a span per request, and one per stage that is measured anyway. Names and numbers only. */
import { context, propagation, SpanKind, SpanStatusCode, trace, type Span } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

import type { Metrics, TracedRequest, TraceRequest } from "../ports.ts";

export interface Tracing {
  readonly trace: TraceRequest;
  /** Figures as before; stages and tries become spans of the request that they belong to. */
  traced(metrics: Metrics): Metrics;
  /** Sends what is left. */
  close(): Promise<void>;
}

const EXPORT_TIMEOUT_MS = 5_000;
/** Spans that wait; beyond, they are dropped rather than kept in memory. */
const MOST_SPANS = 4_096;

const current = (): Span | undefined => trace.getSpan(context.active());

/** @param endpoint OTLP over HTTP, without `/v1/traces`, as in `OTEL_EXPORTER_OTLP_ENDPOINT` */
export function openTracing(endpoint: string, operatorId: number): Tracing {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "ai1net-router", "ai1net.operator": operatorId }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, { maxQueueSize: MOST_SPANS, exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ],
  });
  provider.register();
  const tracer = provider.getTracer("ai1net-router");

  async function traceRequest(request: TracedRequest, work: () => Promise<void>): Promise<void> {
    // Whoever calls may be in a trace already.
    const caller = propagation.extract(context.active(), request.headers);
    const name = `${request.method} ${request.route}`;
    const attributes = { "http.route": request.route, "ai1net.request_id": request.requestId };
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller);
    try {
      await context.with(trace.setSpan(caller, span), work);
    } finally {
      const status = request.status();
      span.setAttribute("http.response.status_code", status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    }
  }

  return {
    trace: traceRequest,
    traced: (metrics) => ({
      request: (...figures) => metrics.request(...figures),
      stage(stage, seconds) {
        metrics.stage(stage, seconds);
        if (!current()) return;
        const endedAtMs = Date.now();
        tracer.startSpan(stage, { startTime: endedAtMs - seconds * 1000 }).end(endedAtMs);
      },
      attempt(result) {
        metrics.attempt(result);
        current()?.addEvent("attempt", { result });
      },
      journaled: (...figures) => metrics.journaled(...figures),
      overexposed: (...figures) => metrics.overexposed(...figures),
      overreported: (...figures) => metrics.overreported(...figures),
      compared: (...figures) => metrics.compared(...figures),
    }),
    // A collector that is away must not keep the process.
    close: () => provider.shutdown().catch(() => undefined),
  };
}
