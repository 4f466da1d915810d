use super::*;
use crate::{
    config::Price,
    llm::{FinishReason, Format},
    metering::Prices,
    panel::{SkipReason, Stages, Stance},
};

/// Three members `m/a`, `m/b`, `m/c` and the synthesizer `m/s`; two answers are needed.
fn plan(members: &[&str]) -> Plan {
    Plan {
        max_output_tokens: 100,
        max_answer_tokens: 50,
        stop: vec!["END".to_owned()],
        deadline: Duration::from_secs(10),
        ..Plan::of("Should we?", members, "m/s")
    }
}

fn completed(call: CallId, text: &str) -> Input {
    let usage = Usage {
        input_tokens: 10,
        output_tokens: 1,
    };
    let completion = Completion {
        text: text.to_owned(),
        tool_calls: Vec::new(),
        logprobs: Vec::new(),
        finish: FinishReason::Stop,
        usage,
    };
    Input::Completed {
        call,
        completion,
        took: Duration::from_millis(7),
    }
}

fn failed(call: CallId) -> Input {
    Input::Failed {
        call,
        detail: "out of order".to_owned(),
        refused: false,
    }
}

/// What a run did, a line for each action.
#[derive(Default)]
struct Trace {
    lines: Vec<String>,
    requests: Vec<Request>,
    result: Option<Result<Verdict, Failure>>,
}

impl Trace {
    fn of(plan: Plan, inputs: impl IntoIterator<Item = Input>) -> Self {
        let mut trace = Self::default();
        let (mut panel, actions) = Deliberation::start(plan);
        trace.take(actions);
        for (second, input) in (1..).zip(inputs) {
            assert!(trace.result.is_none(), "the panel was over before {input:?}");
            trace.take(panel.apply(input, Duration::from_secs(second)));
        }
        trace
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.lines.push(match action {
                Action::Emit(event) => format!("emit {}", serde_json::to_string(&event).unwrap()),
                Action::Call { call, request } => {
                    let line = format!("call {call}: {}", request.model);
                    self.requests.push(request);
                    line
                }
                Action::CancelCalls => "cancel calls".to_owned(),
                Action::Finish(result) => {
                    let line = format!(
                        "finish {}",
                        if result.is_ok() {
                            "with a verdict"
                        } else {
                            "without"
                        }
                    );
                    self.result = Some(result);
                    line
                }
            });
        }
    }

    fn verdict(self) -> Verdict {
        self.result
            .expect("the panel is not over")
            .expect("the panel failed")
    }

    fn failure(self) -> Failure {
        self.result
            .expect("the panel is not over")
            .expect_err("the panel succeeded")
    }
}

const THREE: [&str; 3] = ["m/a", "m/b", "m/c"];

#[test]
fn three_members_answer_review_and_one_model_writes_the_answer() {
    let trace = Trace::of(
        plan(&THREE),
        [
            completed(1, "B first"),
            completed(0, "A first"),
            completed(2, "C first"),
            completed(3, "A revised"),
            completed(5, "C revised"),
            completed(4, "B revised"),
            Input::Delta {
                call: 6,
                text: "Final".to_owned(),
            },
            completed(6, "Final"),
        ],
    );
    insta::assert_snapshot!(trace.lines.join("\n"));
    let verdict = trace.verdict();
    assert_eq!(
        (verdict.answer.as_str(), verdict.degraded, verdict.left_out.len()),
        ("Final", false, 0)
    );
    assert_eq!(
        verdict.usage,
        Usage {
            input_tokens: 70,
            output_tokens: 7
        }
    );
    assert_eq!(
        verdict
            .stages
            .iter()
            .map(|stage| stage.answers.len())
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
}

#[test]
fn a_member_reviews_its_own_answer_and_the_others_under_neutral_names() {
    let trace = Trace::of(
        plan(&THREE),
        [completed(0, "alpha"), completed(1, "beta"), completed(2, "gamma")],
    );
    let review = &trace.requests[4].messages[1].text();
    assert_eq!(
        review,
        "Question:\n> Should we?\n\nYour answer:\n> beta\n\nResponse A:\n> alpha\n\nResponse C:\n> gamma\n\n"
    );
    assert!(!review.contains("m/"), "a model's name shows");
}

#[test]
fn only_the_final_answer_is_bound_by_the_requests_length_and_stop_texts() {
    let trace = Trace::of(
        plan(&["m/a", "m/b"]),
        [
            completed(0, "a"),
            completed(1, "b"),
            completed(2, "a2"),
            completed(3, "b2"),
        ],
    );
    let bounds: Vec<_> = trace
        .requests
        .iter()
        .map(|request| (request.max_output_tokens.unwrap(), request.stop.len()))
        .collect();
    assert_eq!(bounds, [(100, 0), (100, 0), (100, 0), (100, 0), (50, 1)]);
}

#[test]
fn a_failed_member_is_left_out_and_named() {
    let trace = Trace::of(
        plan(&THREE),
        [
            failed(1),
            completed(0, "A"),
            completed(2, "C"),
            completed(3, "A2"),
            completed(4, "C2"),
            completed(5, "Final"),
        ],
    );
    assert!(!trace.requests[3].messages[1].text().contains("Response B"));
    let verdict = trace.verdict();
    assert_eq!(verdict.left_out.len(), 1);
    let left_out = &verdict.left_out[0];
    assert_eq!(
        (left_out.model.as_str(), left_out.reason),
        ("m/b", Reason::Failed)
    );
    assert_eq!(
        (left_out.stage, left_out.detail.as_str()),
        (Stage::InitialResponse, "out of order")
    );
    assert!(!verdict.degraded);
}

#[test]
fn a_late_member_is_cancelled_left_out_and_its_answer_ignored() {
    let trace = Trace::of(
        plan(&THREE),
        [
            completed(0, "A"),
            completed(2, "C"),
            Input::TimeOver,
            completed(1, "too late"),
        ],
    );
    assert!(trace.lines.contains(&"cancel calls".to_owned()));
    assert!(!trace.lines.iter().any(|line| line.contains("too late")));
    let reviewers: Vec<_> = trace.requests[3..]
        .iter()
        .map(|request| request.model.as_str())
        .collect();
    assert_eq!(reviewers, ["m/a", "m/c"]);
}

#[test]
fn an_empty_answer_is_no_answer() {
    let trace = Trace::of(plan(&["m/a", "m/b"]), [completed(0, "A"), completed(1, " \n")]);
    assert_eq!(trace.failure().left_out[0].detail, "the answer is empty");
}

#[test]
fn too_few_answers_end_the_panel_and_say_which_and_why() {
    for stage in [Stage::InitialResponse, Stage::PeerReviewAndRevision] {
        let mut inputs = vec![failed(1), Input::TimeOver];
        if stage == Stage::PeerReviewAndRevision {
            inputs = vec![completed(0, "A"), completed(1, "B"), failed(2), Input::TimeOver];
        }
        let failure = Trace::of(plan(&["m/a", "m/b"]), inputs).failure();
        assert_eq!((failure.stage, failure.needed, failure.answered), (stage, 2, 0));
        let reasons: Vec<_> = failure.left_out.iter().map(|out| out.reason).collect();
        assert_eq!(reasons, [Reason::Failed, Reason::Late]);
    }
}

#[test]
fn one_answer_alone_is_not_reviewed() {
    let alone = Plan {
        min_models: 1,
        ..plan(&["m/a", "m/b"])
    };
    let trace = Trace::of(alone, [failed(0), completed(1, "B"), completed(2, "Final")]);
    let verdict = trace.verdict();
    assert_eq!(
        verdict.stages.iter().map(|stage| stage.stage).collect::<Vec<_>>(),
        [Stage::InitialResponse, Stage::UltraSynthesis]
    );
}

/// Both answers of both stages of two members.
fn two_members_done() -> Vec<Input> {
    vec![
        completed(0, "x"),
        completed(1, "y"),
        completed(2, "run your own"),
        completed(3, "run your own database"),
    ]
}

#[test]
fn another_model_writes_the_answer_where_the_synthesizer_fails() {
    let mut inputs = two_members_done();
    inputs.extend([
        failed(4),
        Input::Delta {
            call: 5,
            text: "F".to_owned(),
        },
        completed(5, "Final"),
    ]);
    let trace = Trace::of(plan(&["m/a", "m/b"]), inputs);
    assert!(
        trace.lines.iter().any(|line| line.contains(r#""attempt":2"#)),
        "{:#?}",
        trace.lines
    );
    let verdict = trace.verdict();
    assert_eq!(verdict.synthesizer.unwrap().as_str(), "m/a");
    assert_eq!(
        (verdict.degraded, verdict.left_out[0].model.as_str()),
        (false, "m/s")
    );
}

#[test]
fn a_members_own_answer_stands_in_where_nobody_can_write_one() {
    let mut inputs = two_members_done();
    inputs.extend([failed(4), failed(5), failed(6)]);
    let verdict = Trace::of(plan(&["m/a", "m/b"]), inputs).verdict();
    assert!(verdict.degraded && verdict.synthesizer.is_none());
    assert_eq!(
        (verdict.answer.as_str(), verdict.left_out.len()),
        ("run your own", 3)
    );

    let mut inputs = two_members_done();
    inputs.push(Input::TimeOver);
    let verdict = Trace::of(plan(&["m/a", "m/b"]), inputs).verdict();
    assert!(verdict.degraded);
    assert_eq!(verdict.left_out[0].reason, Reason::Late);
}

#[test]
fn the_same_model_twice_is_two_members() {
    let trace = Trace::of(plan(&["m/a", "m/a"]), [completed(0, "one"), completed(1, "two")]);
    assert_eq!(trace.requests.len(), 4);
    assert!(
        trace.requests[2].messages[1]
            .text()
            .contains("Response B:\n> two")
    );
}

#[test]
fn without_a_review_the_first_answers_are_joined() {
    let short = Plan {
        stages: Stages {
            review: false,
            synthesis: true,
        },
        ..plan(&["m/a", "m/b"])
    };
    let trace = Trace::of(
        short,
        [completed(0, "x"), completed(1, "y"), completed(2, "Final")],
    );
    assert!(trace.requests[2].messages[1].text().contains("Response B:\n> y"));
    let verdict = trace.verdict();
    assert_eq!((verdict.answer.as_str(), verdict.skipped.len()), ("Final", 0));
}

#[test]
fn without_a_synthesis_the_most_agreed_answer_is_taken_and_says_whose_it_is() {
    let short = Plan {
        stages: Stages {
            review: false,
            synthesis: false,
        },
        ..plan(&THREE)
    };
    let inputs = [
        completed(0, "cats purr loudly"),
        completed(1, "run your own database"),
        completed(2, "run your own"),
    ];
    let trace = Trace::of(short, inputs);
    assert_eq!(trace.requests.len(), 3);
    let verdict = trace.verdict();
    let chosen = verdict.chosen.unwrap();
    assert_eq!(
        (chosen.label.as_str(), verdict.answer.as_str()),
        ("Response B", "run your own database")
    );
    assert!(!verdict.degraded && verdict.synthesizer.is_none() && verdict.left_out.is_empty());
}

#[test]
fn the_result_tells_who_agreed_who_stood_apart_and_who_was_left_out() {
    let members = ["m/a", "m/b", "m/c", "m/d"];
    let inputs = [
        completed(0, "a"),
        completed(1, "b"),
        completed(2, "c"),
        failed(3),
        completed(4, "run your own database"),
        completed(5, "cats purr loudly"),
        completed(6, "run your own"),
        completed(7, "Final"),
    ];
    let verdict = Trace::of(plan(&members), inputs).verdict();
    let seen: Vec<_> = verdict
        .members
        .iter()
        .map(|member| {
            (
                member.label.as_str(),
                member.answered,
                member.agreement,
                member.stance,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("Response A", true, Some(0.38), Some(Stance::Agrees)),
            ("Response B", true, Some(0.0), Some(Stance::Dissents)),
            ("Response C", true, Some(0.38), Some(Stance::Agrees)),
            ("Response D", false, None, None),
        ]
    );
}

/// Each token costs a millionth.
fn priced(members: &[&str], budget: u64) -> Plan {
    let million = Price {
        input_per_million: Money::from_millionths(1_000_000),
        output_per_million: Money::from_millionths(1_000_000),
        long_prompts: None,
    };
    let names = members.iter().copied().chain(["m/s"]);
    let prices: BTreeMap<ModelId, Price> = names.map(|name| (name.parse().unwrap(), million)).collect();
    Plan {
        prices: Prices::from(prices),
        budget: Some(Money::from_millionths(budget)),
        ..plan(members)
    }
}

/// What the request of each call may cost, in order.
fn may_cost(trace: &Trace) -> Vec<u64> {
    let one = |request: &Request| request.input_bound() + u64::from(request.max_output_tokens.unwrap());
    trace.requests.iter().map(one).collect()
}

#[test]
fn each_stage_tells_what_it_cost_and_how_long_it_took() {
    let mut inputs = two_members_done();
    inputs.push(completed(4, "Final"));
    let verdict = Trace::of(priced(&["m/a", "m/b"], u64::MAX), inputs).verdict();
    let seen: Vec<_> = verdict
        .stages
        .iter()
        .map(|stage| (stage.cost.millionths(), stage.usage.total(), stage.duration_ms))
        .collect();
    assert_eq!(seen, [(22, 22, 2_000), (22, 22, 2_000), (11, 11, 1_000)]);
    assert_eq!(verdict.stages[0].answers[1].cost.millionths(), 11);
}

#[test]
fn no_stage_begins_that_could_cost_more_than_is_left_of_the_budget() {
    let members = ["m/a", "m/b"];
    let all = || {
        let mut inputs = two_members_done();
        inputs.push(completed(4, "Final"));
        inputs
    };
    let costs = may_cost(&Trace::of(priced(&members, u64::MAX), all()));
    // What was spent before each stage is known by then: two answers cost 22.
    let review = 22 + costs[2] + costs[3];
    let synthesis = 44 + costs[4];
    assert!(synthesis < review, "{costs:?}");

    let verdict = Trace::of(priced(&members, review), all()).verdict();
    assert_eq!((verdict.answer.as_str(), verdict.skipped.len()), ("Final", 0));

    // Too little by one for the review; the synthesis of the first answers is cheaper.
    let inputs = [completed(0, "x"), completed(1, "y"), completed(2, "Final")];
    let trace = Trace::of(priced(&members, review - 1), inputs);
    assert!(
        trace.lines.iter().any(|line| line.contains("stage.skipped")),
        "{:#?}",
        trace.lines
    );
    let verdict = trace.verdict();
    assert_eq!((verdict.answer.as_str(), verdict.degraded), ("Final", false));
    let skipped = &verdict.skipped[0];
    assert_eq!(
        (skipped.stage, skipped.reason),
        (Stage::PeerReviewAndRevision, SkipReason::Budget)
    );
    assert!(
        skipped.detail.starts_with("it can cost up to 0.0"),
        "{}",
        skipped.detail
    );

    // Too little for either: a member's own answer is all there is.
    let inputs = [completed(0, "x"), completed(1, "y")];
    let verdict = Trace::of(priced(&members, costs[0] + costs[1]), inputs).verdict();
    assert!(verdict.degraded && verdict.chosen.is_some());
    assert_eq!(verdict.skipped.len(), 2);
}

#[test]
fn a_failed_call_counts_against_the_budget_with_all_that_it_may_have_cost() {
    let short = |budget| Plan {
        stages: Stages {
            review: false,
            synthesis: true,
        },
        ..priced(&["m/a", "m/b"], budget)
    };
    let begun = || vec![completed(0, "x"), completed(1, "y"), failed(2)];
    let all = || {
        let mut inputs = begun();
        inputs.push(completed(3, "Final"));
        inputs
    };
    let costs = may_cost(&Trace::of(short(u64::MAX), all()));
    let both = 22 + costs[2] + costs[3];
    let verdict = Trace::of(short(both), all()).verdict();
    assert_eq!(verdict.synthesizer.unwrap().as_str(), "m/a");
    let verdict = Trace::of(short(both - 1), begun()).verdict();
    assert!(verdict.degraded, "nobody else could be paid");
}

#[test]
fn members_with_the_same_model_are_asked_in_different_ways_in_every_stage() {
    let trace = Trace::of(
        plan(&["m/a", "m/a"]),
        [
            completed(0, "one"),
            completed(1, "two"),
            completed(2, "1"),
            completed(3, "2"),
        ],
    );
    let seeds: Vec<_> = trace
        .requests
        .iter()
        .map(|request| request.sampling.seed)
        .collect();
    assert_eq!(seeds, [Some(1), Some(2), Some(1), Some(2), None]);
}

#[test]
fn a_variation_that_a_provider_does_not_take_is_left_out_and_not_the_member() {
    let refused = |call| Input::Failed {
        call,
        detail: "no seeds here".to_owned(),
        refused: true,
    };
    let inputs = [
        refused(0),
        completed(1, "two"),
        completed(2, "one"),
        completed(3, "1"),
        completed(4, "2"),
    ];
    let trace = Trace::of(plan(&["m/a", "m/a"]), inputs);
    let seeds: Vec<_> = trace
        .requests
        .iter()
        .map(|request| request.sampling.seed)
        .collect();
    assert_eq!(seeds, [Some(1), Some(2), None, None, Some(2), None]);
    assert_eq!(trace.requests[0].messages, trace.requests[2].messages);
    assert!(!trace.lines.iter().any(|line| line.contains("model.failed")));

    let inputs = [refused(0), refused(2), completed(1, "two")];
    let failure = Trace::of(plan(&["m/a", "m/a"]), inputs).failure();
    assert_eq!(failure.left_out[0].detail, "no seeds here", "once is enough");
}

const COMPARED: &str = r#"{"consensus": [], "contradictions": [], "blind_spots": ["cost"],
    "unique_insights": [{"response": "Response A", "insight": "backups"}]}"#;

fn compared() -> Plan {
    Plan {
        verdict: true,
        ..plan(&["m/a", "m/b"])
    }
}

/// Two members, whose answers are joined by call 4 and compared by call 5.
fn until_synthesis(rest: impl IntoIterator<Item = Input>) -> Vec<Input> {
    let mut inputs = two_members_done();
    inputs.extend(rest);
    inputs
}

#[test]
fn the_answers_are_compared_beside_the_final_one() {
    for order in [[4, 5], [5, 4]] {
        let answer = |call| completed(call, if call == 5 { COMPARED } else { "Final" });
        let delta = Input::Delta {
            call: 5,
            text: "{".to_owned(),
        };
        let mut rest = vec![delta];
        rest.extend(order.map(answer));
        let trace = Trace::of(compared(), until_synthesis(rest));
        assert!(matches!(trace.requests[5].format, Format::Schema { .. }));
        assert_eq!(trace.requests[4].format, Format::Text);
        assert_eq!(
            trace.requests[4].messages[1], trace.requests[5].messages[1],
            "of the same answers"
        );
        assert!(
            !trace.lines.iter().any(|line| line.contains("synthesis.delta")),
            "it is no text"
        );
        assert!(trace.lines.iter().any(|line| line.contains("verdict.completed")));
        let verdict = trace.verdict();
        let comparison = verdict.comparison.unwrap();
        assert_eq!(comparison.unique_insights[0].response, "Response A");
        assert_eq!((verdict.answer.as_str(), verdict.left_out.len()), ("Final", 0));
        assert_eq!(verdict.stages[2].usage.total(), 22, "both calls count");
    }
}

#[test]
fn a_comparison_that_cannot_be_had_is_left_out_and_never_made_up() {
    let stranger = COMPARED.replace("Response A", "Response C");
    for (comparing, detail) in [
        (
            completed(5, "They agree."),
            "the verdict is no JSON of the form that was asked for",
        ),
        (
            completed(5, ""),
            "the verdict is no JSON of the form that was asked for",
        ),
        (
            completed(5, &stranger),
            "the verdict names a response that there is not",
        ),
        (failed(5), "out of order"),
    ] {
        let verdict = Trace::of(compared(), until_synthesis([comparing, completed(4, "Final")])).verdict();
        assert!(verdict.comparison.is_none() && !verdict.degraded);
        let left_out = &verdict.left_out[0];
        assert_eq!(left_out.label.as_deref(), Some("Verdict"));
        assert_eq!(
            (left_out.reason, left_out.detail.as_str()),
            (Reason::Failed, detail)
        );
    }
    let late = until_synthesis([completed(4, "Final"), Input::TimeOver]);
    let verdict = Trace::of(compared(), late).verdict();
    assert_eq!((verdict.answer.as_str(), verdict.degraded), ("Final", false));
    assert_eq!(verdict.left_out[0].reason, Reason::Late);
}

#[test]
fn a_model_that_takes_no_schema_is_asked_in_words() {
    let refused = Input::Failed {
        call: 5,
        detail: "no schemas here".to_owned(),
        refused: true,
    };
    let rest = [refused, completed(4, "Final"), completed(6, COMPARED)];
    let trace = Trace::of(compared(), until_synthesis(rest));
    assert_eq!(trace.requests[6].format, Format::Text);
    assert!(trace.verdict().comparison.is_some());
}

#[test]
fn a_comparison_is_there_where_nobody_could_write_the_answer() {
    let rest = [failed(4), failed(6), failed(7), completed(5, COMPARED)];
    let verdict = Trace::of(compared(), until_synthesis(rest)).verdict();
    assert!(verdict.degraded && verdict.comparison.is_some());
}

#[test]
fn a_comparison_that_the_budget_does_not_hold_does_not_take_the_answers_place() {
    let members = ["m/a", "m/b"];
    let priced = |budget| Plan {
        verdict: true,
        ..priced(&members, budget)
    };
    let all = until_synthesis([completed(5, COMPARED), completed(4, "Final")]);
    let costs = may_cost(&Trace::of(priced(u64::MAX), all));
    let both = 44 + costs[4] + costs[5];
    assert!(
        22 + costs[2] + costs[3] < both,
        "the review is no problem: {costs:?}"
    );
    let verdict = Trace::of(priced(both - 1), until_synthesis([completed(4, "Final")])).verdict();
    assert_eq!((verdict.answer.as_str(), verdict.degraded), ("Final", false));
    assert!(verdict.left_out[0].detail.starts_with("it can cost up to"));
}
