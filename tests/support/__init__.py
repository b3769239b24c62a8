"""What the black-box tests share: processes, brokers, HTTP, MQTT and SSE as a user would speak them."""
