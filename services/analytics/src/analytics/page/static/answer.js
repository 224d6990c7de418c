// What does a part of the page know of its answer: nothing yet, the newest, an older one, or an error?
import {useEffect, useRef, useState} from "preact/hooks";
import {ask} from "./api.js";
import {isOfPeriod, topicOf} from "./question.js";
import {count, route} from "./store.js";

const NOTHING_YET = {data: null, error: null, of: null, request: null};
const LATE_MS = 600_000; // A stretch that ended longer ago is asked for once.

/** Asks at once and after each new count, or no sooner than `pace` milliseconds where an answer takes work. `data` answers `request` and stays while newer ones come; `isOld` says that
 * it is about something else (`of`) than what is asked now. */
export function useAnswer(request, pace = 0) {
  const [state, setState] = useState(NOTHING_YET);
  const topic = topicOf(request, route.value);
  const {turn, now} = count.value;
  const beat = useRef(null);
  const isPast = isOfPeriod(request) && route.value.to && route.value.to < now - LATE_MS;
  if (!isPast || state.error) beat.current = pace ? Math.floor(now / pace) : turn;
  useEffect(() => {
    let is_over = false;
    ask(request).then(
      (data) => is_over || setState({data, error: null, of: topic, request}),
      (error) => is_over || setState((before) => (before.of === topic ? {...before, error} : {...NOTHING_YET, error, of: topic})),
    );
    return () => { is_over = true; };
  }, [JSON.stringify(request), topic, beat.current]);
  const isOld = state.of !== topic;
  return {...state, error: isOld ? null : state.error, isOld};
}
