//! A request in OpenAI's words (Chat Completions, <https://platform.openai.com/docs/api-reference/chat/create>).

use serde_json::{Map, Value, json};

use crate::llm::{Format, Image, ImageSource, Message, Part, Request, Tool, ToolCall, ToolChoice};

/// By which name the bound of an answer's length goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LengthField {
    /// OpenAI's own, which some of its models insist on.
    MaxCompletionTokens,
    /// The older one, which all who speak its language know.
    MaxTokens,
}

impl LengthField {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

/// The body of a request whose answer is streamed, with its tokens at the end.
pub(super) fn body(request: &Request, length: LengthField) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("model", request.model.name().into());
    put("messages", request.messages.iter().map(message).collect());
    put("stream", true.into());
    put("stream_options", json!({"include_usage": true}));
    if let Some(most) = request.max_output_tokens {
        put(length.name(), most.into());
    }
    let sampling = &request.sampling;
    for (name, value) in [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ] {
        if let Some(value) = value {
            put(name, shortest(value));
        }
    }
    if let Some(seed) = sampling.seed {
        put("seed", seed.into());
    }
    if !request.stop.is_empty() {
        put("stop", request.stop.clone().into());
    }
    if !request.tools.list.is_empty() {
        put("tools", request.tools.list.iter().map(tool).collect());
    }
    if let Some(choice) = &request.tools.choice {
        put("tool_choice", tool_choice(choice));
    }
    if let Some(parallel) = request.tools.parallel {
        put("parallel_tool_calls", parallel.into());
    }
    if let Some(format) = format(&request.format) {
        put("response_format", format);
    }
    if let Some(alternatives) = request.top_logprobs {
        put("logprobs", true.into());
        put("top_logprobs", alternatives.into());
    }
    if let Some(effort) = &request.reasoning_effort {
        put("reasoning_effort", effort.clone().into());
    }
    Value::Object(body)
}

/// The number that somebody wrote, and not its nearest neighbour of twice the size: 0.2, not 0.20000000298.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(parts) => match &parts[..] {
            [Part::Text(text)] => json!({"role": "user", "content": text}),
            parts => json!({"role": "user", "content": parts.iter().map(part).collect::<Value>()}),
        },
        Message::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, tool_calls } => {
            let content = (!text.is_empty()).then_some(text);
            let calls: Value = tool_calls.iter().map(tool_call).collect();
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        Message::Tool { call_id, text } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": text})
        }
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(Image { source, detail }) => {
            let url = match source {
                ImageSource::Url(url) => url.clone(),
                ImageSource::Data { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
            };
            let mut image = json!({"url": url});
            if let Some(detail) = detail {
                image["detail"] = detail.clone().into();
            }
            json!({"type": "image_url", "image_url": image})
        }
    }
}

fn tool_call(call: &ToolCall) -> Value {
    let ToolCall { id, name, arguments } = call;
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    function.insert("name".to_owned(), tool.name.clone().into());
    if let Some(description) = &tool.description {
        function.insert("description".to_owned(), description.clone().into());
    }
    if let Some(parameters) = &tool.parameters {
        function.insert("parameters".to_owned(), parameters.clone());
    }
    if let Some(strict) = tool.strict {
        function.insert("strict".to_owned(), strict.into());
    }
    json!({"type": "function", "function": function})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn format(format: &Format) -> Option<Value> {
    match format {
        Format::Text => None,
        Format::Json => Some(json!({"type": "json_object"})),
        Format::Schema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut inner = json!({"name": name, "schema": schema});
            if let Some(description) = description {
                inner["description"] = description.clone().into();
            }
            if let Some(strict) = strict {
                inner["strict"] = (*strict).into();
            }
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Sampling, Tools};

    fn request(messages: Vec<Message>) -> Request {
        Request::new("openai/gpt-x".parse().unwrap(), messages)
    }

    #[test]
    fn a_plain_question_has_nothing_that_nobody_asked_for() {
        let body = body(&request(vec![Message::user("Why?")]), LengthField::MaxTokens);
        insta::assert_json_snapshot!(body);
    }

    #[test]
    fn everything_that_can_be_asked_has_its_name() {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "weather".to_owned(),
            arguments: r#"{"city": "Ulm"}"#.to_owned(),
        };
        let picture = |source| {
            Part::Image(Image {
                source,
                detail: Some("low".to_owned()),
            })
        };
        let data = ImageSource::Data {
            media_type: "image/png".to_owned(),
            base64: "iVBO".to_owned(),
        };
        let request = Request {
            max_output_tokens: Some(100),
            sampling: Sampling {
                temperature: Some(0.2),
                top_p: Some(0.9),
                seed: Some(7),
                frequency_penalty: Some(0.5),
                presence_penalty: Some(-0.5),
            },
            stop: vec!["END".to_owned()],
            tools: Tools {
                list: vec![Tool {
                    name: "weather".to_owned(),
                    description: Some("Tells it.".to_owned()),
                    parameters: Some(json!({"type": "object"})),
                    strict: Some(true),
                }],
                choice: Some(ToolChoice::Named("weather".to_owned())),
                parallel: Some(false),
            },
            format: Format::Schema {
                name: "answer".to_owned(),
                description: None,
                schema: json!({"type": "object"}),
                strict: Some(true),
            },
            top_logprobs: Some(2),
            reasoning_effort: Some("low".to_owned()),
            ..request(vec![
                Message::system("Be brief."),
                Message::User(vec![
                    Part::Text("What is it?".to_owned()),
                    picture(ImageSource::Url("https://example.org/a.png".to_owned())),
                    picture(data),
                ]),
                Message::Assistant {
                    text: String::new(),
                    tool_calls: vec![call],
                },
                Message::Tool {
                    call_id: "call_1".to_owned(),
                    text: "Rain.".to_owned(),
                },
                Message::assistant("It rains."),
                Message::user("And now?"),
            ])
        };
        insta::assert_json_snapshot!(body(&request, LengthField::MaxCompletionTokens));
    }
}
