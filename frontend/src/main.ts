import "./styles/globals.css";
import { applied, chosenTheme } from "./lib/theme";
import "./gpubroker-app";

applied(chosenTheme());
