import type { Request, Response } from "express";

/** One request of one route. */
export interface Exchange {
  readonly req: Request;
  readonly res: Response;
  /** `x-request-id` of the answer. */
  readonly requestId: string;
}

export interface Route {
  readonly method: "get" | "post" | "patch" | "delete";
  /** In Express's terms; also the route's name in the metrics. */
  readonly path: string;
  /** Answers, or throws what `sendError` understands. */
  handle(exchange: Exchange): Promise<void> | void;
  /** Answered even while the process stops. */
  readonly isOperational?: boolean;
}
