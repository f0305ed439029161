curl http://inference-gateway/v1/chat/completions \
  -H 'Content-Type: application/json' \
  -H 'X-Gateway-Model-Name: deepseek-r1' \
  -d '{"model": "qwen", "messages": [{"role": "user", "content": "Hello"}]}'
