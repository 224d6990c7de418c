// Which key stands for which action? Letters can be switched off; the others always work.

export const KEYS = [
  ["j", "next"], ["k", "previous"], ["Enter", "open"], ["c", "claim"], ["n", "urgent"], ["r", "reply"], ["i", "note"],
  ["g a", "approvals"], ["g m", "mine"], ["g u", "unclaimed"], ["t", "transfer"], ["z", "snooze"], ["e", "resolve"],
  ["Shift+E", "resolve_next"], ["b", "return"], ["a", "approve"], ["d", "edit"], ["x", "reject"], ["/", "search"],
  ["$mod+k", "palette"], ["$mod+Enter", "send"], ["$mod+z", "undo"], ["Escape", "back"], ["F6", "pane"], ["Alt+1…7", "rail"], ["?", "help"],
];
