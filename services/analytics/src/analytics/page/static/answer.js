// What does a part of the page know of its answer: nothing yet, the newest, an older one, or an error?
import {useEffect, useState} from "preact/hooks";
import {ask} from "./api.js";
import {count} from "./store.js";

const NOTHING_YET = {data: null, error: null, of: null};

/** Asks at once and after each new count, or no sooner than `pace` milliseconds where an answer takes work. `data` stays while newer ones come; `isOld` says that it answers another
 * question. A request of null asks nothing. */
export function useAnswer(request, topic = "", pace = 0) {
  const [state, setState] = useState(NOTHING_YET);
  const key = request && JSON.stringify(request);
  const {turn, now} = count.value;
  const beat = pace ? Math.floor(now / pace) : turn;
  useEffect(() => {
    if (!request) return undefined;
    let is_over = false;
    ask(request).then(
      (data) => is_over || setState({data, error: null, of: topic}),
      (error) => is_over || setState((before) => ({...before, error, of: topic})),
    );
    return () => { is_over = true; };
  }, [key, beat]);
  return {...state, isOld: state.of !== topic};
}
