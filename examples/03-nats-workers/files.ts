/** The fleet of one machine: everything lies in a folder that its processes share, `SARTOR_DATA_DIR` or `data`. */
import { FileTransport } from "@sartor/transport-file"

export const transport = FileTransport.layerConfig
