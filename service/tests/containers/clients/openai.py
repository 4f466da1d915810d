import json, os
import openai

client = openai.OpenAI(max_retries=0)
messages = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": os.environ["QUESTION"]},
]


def failure(kind, asked=client, **request):
    try:
        asked.chat.completions.create(**{"model": "ultra", "messages": messages, **request})
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


whole = client.chat.completions.create(model="ultra", messages=messages)
chunks = list(
    client.chat.completions.create(
        model="mock/analyst", messages=messages, stream=True, stream_options={"include_usage": True}
    )
)
with client.chat.completions.stream(model="ultra", messages=messages) as stream:
    panel = stream.get_final_completion().choices[0].message.content
assert panel == whole.choices[0].message.content, panel

stranger = openai.OpenAI(max_retries=0, api_key=os.environ["WRONG_KEY"])
missing = failure(openai.NotFoundError, model="nobody")
assert missing.code == "model_not_found", missing
assert failure(openai.BadRequestError, n=2).param == "n"

with client.chat.completions.create(model="mock/slow", messages=messages, stream=True) as stream:
    next(chunk for chunk in stream if chunk.choices[0].delta.content)

print(json.dumps({
    "whole": whole.choices[0].message.content,
    "finish": whole.choices[0].finish_reason,
    "whole_tokens": whole.usage.total_tokens,
    "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
    "streamed_tokens": chunks[-1].usage.total_tokens,
    "models": [model.id for model in client.models.list()],
    "model": client.models.retrieve("ultra").id,
    "missing": missing.status_code,
    "locked_out": failure(openai.AuthenticationError, asked=stranger).status_code,
}))
