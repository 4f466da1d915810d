import json, os
import openai
from pydantic import BaseModel

client = openai.OpenAI(max_retries=0)
model = os.environ["MODEL"]
tools = [{
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}]
messages = [{"role": "user", "content": "How warm is it in Oslo?"}]

asked = client.chat.completions.create(model=model, messages=messages, tools=tools)
assert asked.choices[0].finish_reason == "tool_calls", asked
(call,) = asked.choices[0].message.tool_calls
messages += [asked.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "7 degrees"}]
told = client.chat.completions.create(model=model, messages=messages, tools=tools)

with client.chat.completions.stream(model=model, messages=messages[:1], tools=tools) as stream:
    streamed = stream.get_final_completion().choices[0].message.tool_calls[0].function


class Weather(BaseModel):
    city: str
    celsius: int


parsed = client.chat.completions.parse(model=model, messages=messages[:1], response_format=Weather)
with client.chat.completions.create(model=model, messages=messages[:1], stream=True) as stream:
    next(chunk for chunk in stream if chunk.choices[0].delta.content)

print(json.dumps({
    "called": [call.function.name, json.loads(call.function.arguments)],
    "told": told.choices[0].message.content,
    "streamed": [streamed.name, json.loads(streamed.arguments)],
    "parsed": parsed.choices[0].message.parsed.model_dump(),
}))
