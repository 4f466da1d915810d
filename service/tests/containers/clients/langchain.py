import json, os
import openai
from langchain_openai import ChatOpenAI

messages = [("system", "Be brief."), ("user", os.environ["QUESTION"])]


def model(name, **settings):
    return ChatOpenAI(model=name, max_retries=0, **settings)


def failure(kind, asked):
    try:
        asked.invoke(messages)
    except kind as error:
        return error.status_code
    raise AssertionError(f"no {kind.__name__}")


whole = model("ultra").invoke(messages)
chunks = list(model("mock/analyst", stream_usage=True).stream(messages))
streamed = sum(chunks[1:], start=chunks[0])

stream = model("mock/slow").stream(messages)
next(chunk for chunk in stream if chunk.content)
stream.close()

print(json.dumps({
    "whole": whole.content,
    "finish": whole.response_metadata["finish_reason"],
    "whole_tokens": whole.usage_metadata["total_tokens"],
    "streamed": streamed.content,
    "streamed_tokens": streamed.usage_metadata["total_tokens"],
    "missing": failure(openai.NotFoundError, model("nobody")),
    "locked_out": failure(openai.AuthenticationError, model("ultra", api_key=os.environ["WRONG_KEY"])),
}))
