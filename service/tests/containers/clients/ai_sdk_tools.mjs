import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {Output, generateText, stepCountIs, streamText, tool} from 'ai';
import {z} from 'zod';

globalThis.AI_SDK_LOG_WARNINGS = false;
const ultra = createOpenAICompatible({
  name: 'ultra', baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY, supportsStructuredOutputs: true,
});
const asking = {model: ultra(process.env.MODEL), prompt: 'How warm is it in Oslo?', maxRetries: 0};
const weather = {description: 'Tells the weather.', inputSchema: z.object({city: z.string()})};

// It calls the tool and answers with what that said, both by itself.
const calls = [];
const told = await generateText({
  ...asking,
  tools: {weather: tool({...weather, execute: async input => { calls.push(['weather', input]); return '7 degrees'; }})},
  stopWhen: stepCountIs(2),
});

const stream = streamText({...asking, tools: {weather: tool(weather)}});
const [streamed] = await stream.toolCalls;

const schema = z.object({city: z.string(), celsius: z.number()});
const parsed = await generateText({...asking, output: Output.object({schema})});

const leaving = new AbortController();
const left = streamText({...asking, abortSignal: leaving.signal, onError: () => {}});
for await (const piece of left.textStream) if (piece) leaving.abort();

console.log(JSON.stringify({
  called: calls[0],
  told: told.text,
  streamed: [streamed.toolName, streamed.input],
  parsed: parsed.output,
}));
