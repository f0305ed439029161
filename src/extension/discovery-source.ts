/** The discovery services of this process, as Envoys reach them. */
export type DiscoveryAddress = {
  readonly host: string
  readonly port: number
  /** PEM by which Envoys verify it; undefined where it speaks plain text. */
  readonly authority: string | undefined
}

/**
 * Envoy's `ConfigSource` for what is told here. Envoy Gateway would pass on nothing that happens between two translations, and
 * hears of Pods only by Services. Envoy's own gRPC client needs a cluster that is in its bootstrap; gRPC's C++ client needs none.
 */
export const discoverySource = ({ host, port, authority }: DiscoveryAddress) => ({
  resource_api_version: 'V3',
  // What nobody tells must not hold up the rest of Envoy's configuration.
  initial_fetch_timeout: '5s',
  api_config_source: {
    api_type: 'GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [
      {
        google_grpc: {
          target_uri: `${host.includes(':') ? `[${host}]` : host}:${port}`,
          ...(authority !== undefined && {
            channel_credentials: { ssl_credentials: { root_certs: { inline_string: authority } } },
          }),
          stat_prefix: 'signalbox',
          channel_args: {
            args: {
              // One that is gone without a word is noticed in 15 s.
              'grpc.keepalive_time_ms': { int_value: '10000' },
              'grpc.keepalive_timeout_ms': { int_value: '5000' },
              'grpc.http2.max_pings_without_data': { int_value: '0' },
              // Envoy asks again after 30 s at the latest, which can't be set for this client; then it must not find the channel
              // waiting, for up to two minutes by default.
              'grpc.max_reconnect_backoff_ms': { int_value: '2000' },
            },
          },
        },
      },
    ],
  },
})
