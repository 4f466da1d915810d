//! The stock Python SDKs against the stand-in provider: what they accept is the wire format.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ultra_testenv::{
    Llm,
    clients::{self, Output, PYTHON_SDKS},
    llm::{Fault, Finish},
};

const DEADLINE: Duration = Duration::from_secs(60);

async fn run(llm: &Llm, script: &str) -> Output {
    let variables = [
        ("OPENAI_BASE_URL", llm.openai_base_url()),
        ("OPENAI_API_KEY", "sk-test".to_owned()),
        ("ANTHROPIC_BASE_URL", llm.anthropic_base_url()),
        ("ANTHROPIC_API_KEY", "sk-ant-test".to_owned()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    clients::python(PYTHON_SDKS)
        .await
        .unwrap()
        .run(script, &variables, DEADLINE)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_openai_sdk_reads_answers_streams_and_models() {
    let llm = Llm::scripted().start().await.unwrap();
    let script = r#"
import openai

client = openai.OpenAI()
assert [model.id for model in client.models.list()] == ["stand-in-large", "stand-in-small"]

request = dict(model="gpt-x", messages=[{"role": "user", "content": "Why is the sky blue?"}])
answer = client.chat.completions.create(**request)
assert answer.choices[0].finish_reason == "stop", answer
assert answer.usage.total_tokens == 12, answer.usage
print(answer.choices[0].message.content)

chunks = list(client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}))
assert chunks[-1].usage == answer.usage and chunks[-1].choices == [], chunks[-1]
print("".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices))

with client.chat.completions.stream(**request) as stream:
    for event in stream:
        pass
    print(stream.get_final_completion().choices[0].message.content)
"#;
    let printed = run(&llm, script).await.success().unwrap();
    assert_eq!(printed, "gpt-x answers: Why is the sky blue?\n".repeat(3));
    assert_eq!(llm.cancelled(), 0);
}

#[tokio::test]
async fn the_anthropic_sdk_reads_answers_and_streams() {
    let llm = Llm::scripted().start().await.unwrap();
    let script = r#"
import anthropic

client = anthropic.Anthropic()
request = dict(model="claude-x", max_tokens=100, messages=[{"role": "user", "content": "Why is the sky blue?"}])
answer = client.messages.create(**request)
assert answer.stop_reason == "end_turn", answer
assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 7), answer.usage
print(answer.content[0].text)

with client.messages.stream(**request) as stream:
    print("".join(stream.text_stream))
    final = stream.get_final_message()
assert final.content[0].text == answer.content[0].text and final.usage.output_tokens == 7, final
"#;
    let printed = run(&llm, script).await.success().unwrap();
    assert_eq!(printed, "claude-x answers: Why is the sky blue?\n".repeat(2));
}

#[tokio::test]
async fn the_sdks_know_each_error_and_wait_as_long_as_they_are_told() {
    let llm = Llm::scripted()
        .always_fail(Fault::status(429).retry_after(1))
        .start()
        .await
        .unwrap();
    let script = r#"
import anthropic, openai, time

def failure(call, **request):
    try:
        call(model="m", messages=[{"role": "user", "content": "why?"}], **request)
    except Exception as error:
        return error

begun = time.monotonic()
error = failure(openai.OpenAI(max_retries=1).chat.completions.create)
assert isinstance(error, openai.RateLimitError) and error.code == "rate_limit_exceeded", repr(error)
assert time.monotonic() - begun >= 1, "did not honour Retry-After"

error = failure(anthropic.Anthropic(max_retries=0).messages.create, max_tokens=1)
assert isinstance(error, anthropic.RateLimitError), repr(error)
assert error.body["error"]["type"] == "rate_limit_error", error.body
"#;
    run(&llm, script).await.success().unwrap();
    assert_eq!(llm.requests().len(), 3, "one retry and two first attempts");
}

#[tokio::test]
async fn an_error_mid_stream_raises_in_both_sdks() {
    let llm = Llm::scripted()
        .always_fail(Fault::StreamError { status: 529 })
        .start()
        .await
        .unwrap();
    let script = r#"
import anthropic, openai

request = dict(model="m", max_tokens=50, messages=[{"role": "user", "content": "why?"}], stream=True)
for module, create in [
    (openai, openai.OpenAI().chat.completions.create),
    (anthropic, anthropic.Anthropic().messages.create),
]:
    pieces = []
    try:
        for piece in create(**request):
            pieces.append(piece)
        raise AssertionError("the stream ended as if it were whole")
    except module.APIError as error:
        assert pieces and "told to answer 529" in str(error), (pieces, error)
"#;
    run(&llm, script).await.success().unwrap();
}

#[tokio::test]
async fn an_sdk_that_leaves_a_stream_is_seen_to_go() {
    let llm = Llm::scripted()
        .pace(Duration::from_millis(20))
        .always_answer("word ".repeat(10_000));
    let llm = llm.start().await.unwrap();
    let script = r#"
import openai

request = dict(model="m", messages=[{"role": "user", "content": "why?"}], stream=True)
with openai.OpenAI().chat.completions.create(**request) as stream:
    next(iter(stream))
"#;
    run(&llm, script).await.success().unwrap();
    llm.wait_until("the client has left", DEADLINE, |seen| seen.cancelled == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_sdks_call_tools_whole_and_streamed_and_hand_in_what_they_gave() {
    let calls = || [("weather", r#"{"city": "Paris"}"#), ("clock", "{}")];
    let script = (0..4).fold(Llm::scripted(), |script, turn| {
        // Whole and streamed, each followed by an answer to what the tools gave.
        if turn % 2 == 0 {
            script.call_tools(calls())
        } else {
            script.answer("It rains at noon.")
        }
    });
    let llm = Llm::scripted().start().await.unwrap();
    let openai = r#"
import json, openai

client = openai.OpenAI()
tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
         for name in ["weather", "clock"]]
request = dict(model="m", tools=tools)
question = [{"role": "user", "content": "How is it?"}]

def results(message):
    assert [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls] == [
        ("weather", {"city": "Paris"}), ("clock", {})], message
    return [message] + [{"role": "tool", "tool_call_id": call.id, "content": "so"} for call in message.tool_calls]

whole = client.chat.completions.create(messages=question, **request).choices[0]
assert whole.finish_reason == "tool_calls", whole
print(client.chat.completions.create(messages=question + results(whole.message), **request).choices[0].message.content)

with client.chat.completions.stream(messages=question, **request) as stream:
    for event in stream:
        pass
    streamed = stream.get_final_completion().choices[0]
assert streamed.finish_reason == "tool_calls", streamed
print(client.chat.completions.create(messages=question + results(streamed.message), **request).choices[0].message.content)
"#;
    let anthropic = r#"
import anthropic

client = anthropic.Anthropic()
tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in ["weather", "clock"]]
request = dict(model="m", max_tokens=100, tools=tools)
question = [{"role": "user", "content": "How is it?"}]

def results(message):
    assert message.stop_reason == "tool_use", message
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("weather", {"city": "Paris"}), ("clock", {})], message
    given = [{"type": "tool_result", "tool_use_id": call.id, "content": "so"} for call in calls]
    return [{"role": "assistant", "content": message.content}, {"role": "user", "content": given}]

whole = client.messages.create(messages=question, **request)
print(client.messages.create(messages=question + results(whole), **request).content[0].text)

with client.messages.stream(messages=question, **request) as stream:
    streamed = stream.get_final_message()
print(client.messages.create(messages=question + results(streamed), **request).content[0].text)
"#;
    for sdk in [openai, anthropic] {
        llm.set_script(script.clone());
        let printed = run(&llm, sdk).await.success().unwrap();
        assert_eq!(printed, "It rains at noon.\n".repeat(2));
    }
}

#[tokio::test]
async fn the_openai_sdk_reads_json_by_a_schema_likelihoods_and_reasons_of_an_end() {
    let script = Llm::scripted()
        .answer(r#"{"city": "Paris", "days": 2}"#)
        .answer("very blue")
        .answer_ending("som", Finish::Filtered);
    let llm = script.start().await.unwrap();
    let script = r#"
import openai, pydantic

class Trip(pydantic.BaseModel):
    city: str
    days: int

client = openai.OpenAI()
request = dict(model="m", messages=[{"role": "user", "content": "Where to?"}])
parsed = client.chat.completions.parse(response_format=Trip, **request).choices[0].message.parsed
assert parsed == Trip(city="Paris", days=2), parsed

tokens = client.chat.completions.create(logprobs=True, top_logprobs=2, **request).choices[0].logprobs.content
assert [token.token for token in tokens] == ["very ", "blue"], tokens
assert all(len(token.top_logprobs) == 2 for token in tokens), tokens

filtered = client.chat.completions.create(**request).choices[0]
assert (filtered.finish_reason, filtered.message.content) == ("content_filter", "som"), filtered
"#;
    run(&llm, script).await.success().unwrap();
    let asked = &llm.requests()[0].body["response_format"];
    assert_eq!(asked["json_schema"]["schema"]["required"][0], "city");
}
