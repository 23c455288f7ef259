/** The fleet of many machines: everything lies on a server that they reach, `SARTOR_NATS_URL` or `nats://127.0.0.1:4222`. */
import { NatsTransport } from "@sartor/transport-nats"

export const transport = NatsTransport.layerConfig
