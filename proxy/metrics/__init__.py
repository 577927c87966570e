"""What Prometheus is told about requests, calls of upstreams and the state of the gateway, under LiteLLM's names."""
