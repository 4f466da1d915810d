import OpenAI from 'openai';
import {zodResponseFormat} from 'openai/helpers/zod';
import {z} from 'zod';

const client = new OpenAI({maxRetries: 0});
const model = process.env.MODEL;
const parameters = {type: 'object', properties: {city: {type: 'string'}}, required: ['city']};
const tools = [{type: 'function', function: {name: 'weather', description: 'Tells the weather.', parameters}}];
const messages = [{role: 'user', content: 'How warm is it in Oslo?'}];

const asked = (await client.chat.completions.create({model, messages, tools})).choices[0];
if (asked.finish_reason !== 'tool_calls') throw new Error(JSON.stringify(asked));
const [call] = asked.message.tool_calls;
const answered = [...messages, asked.message, {role: 'tool', tool_call_id: call.id, content: '7 degrees'}];
const told = await client.chat.completions.create({model, messages: answered, tools});

const stream = client.chat.completions.stream({model, messages, tools});
const [streamed] = (await stream.finalChatCompletion()).choices[0].message.tool_calls;

const Weather = z.object({city: z.string(), celsius: z.number()});
const parsed = await client.chat.completions.parse({model, messages, response_format: zodResponseFormat(Weather, 'weather')});

const left = await client.chat.completions.create({model, messages, stream: true});
for await (const chunk of left) if (chunk.choices[0].delta.content) left.controller.abort();

const named = ({function: {name, arguments: text}}) => [name, JSON.parse(text)];
console.log(JSON.stringify({
  called: named(call),
  told: told.choices[0].message.content,
  streamed: named(streamed),
  parsed: parsed.choices[0].message.parsed,
}));
