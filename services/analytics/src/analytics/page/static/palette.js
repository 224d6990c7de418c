// In which colours does a chart draw? Told apart in light and dark, and by people who see no red or green.
export const COLOURS = {
  light: {blue: "#2f5fd0", orange: "#b45309", green: "#0f766e", purple: "#7c3aed", pink: "#be185d", grey: "#64748b", red: "#b42318", grid: "#e4e7ec", text: "#565f6d"},
  dark: {blue: "#86a9ff", orange: "#f0a554", green: "#4fc3b2", purple: "#b79bff", pink: "#f487b6", grey: "#94a3b8", red: "#ff8f80", grid: "#2b313b", text: "#a3adbb"},
};
export const ORDER = ["blue", "orange", "green", "purple", "pink", "grey"];
