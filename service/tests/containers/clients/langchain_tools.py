import json, os
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


@tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "7 degrees"


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    celsius: int


model = ChatOpenAI(model=os.environ["MODEL"], max_retries=0)
having = model.bind_tools([weather])
messages = [HumanMessage("How warm is it in Oslo?")]
asked = having.invoke(messages)
(call,) = asked.tool_calls
told = having.invoke([*messages, asked, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])])

chunks = list(having.stream(messages))
(streamed,) = sum(chunks[1:], start=chunks[0]).tool_calls
parsed = model.with_structured_output(Weather, method="json_schema").invoke(messages)

stream = model.stream(messages)
next(chunk for chunk in stream if chunk.content)
stream.close()

print(json.dumps({
    "called": [call["name"], call["args"]],
    "told": told.content,
    "streamed": [streamed["name"], streamed["args"]],
    "parsed": parsed.model_dump(),
}))
