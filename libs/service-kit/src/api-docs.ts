type Swagger = typeof import('@nestjs/swagger');

/** One entry per decorator in the sources; taken out when the first document is made. */
const pending: ((swagger: Swagger) => void)[] = [];

/**
 * The decorators of `@nestjs/swagger` under their own names. They wait with their work until somebody asks for the
 * document: the package and what it loads take 11 MiB, which a service that nobody reads the docs of has no use for.
 */
export const ApiHeader = later((swagger) => swagger.ApiHeader);
export const ApiNoContentResponse = later((swagger) => swagger.ApiNoContentResponse);
export const ApiOkResponse = later((swagger) => swagger.ApiOkResponse);
export const ApiOperation = later((swagger) => swagger.ApiOperation);
export const ApiProduces = later((swagger) => swagger.ApiProduces);
export const ApiProperty = later((swagger) => swagger.ApiProperty);
export const ApiQuery = later((swagger) => swagger.ApiQuery);
export const ApiResponse = later((swagger) => swagger.ApiResponse);
export const ApiTags = later((swagger) => swagger.ApiTags);

/** Loads `@nestjs/swagger`, with all that the decorators have said so far. */
export async function loadSwagger(): Promise<Swagger> {
  const swagger = await import('@nestjs/swagger');
  for (const decorate of pending.splice(0)) decorate(swagger);
  return swagger;
}

function later<A extends readonly unknown[], D extends (...target: never[]) => unknown>(
  decorator: (swagger: Swagger) => (...args: A) => D,
): (...args: A) => D {
  const postpone = (args: A, target: never[]): void => {
    pending.push((swagger) => void decorator(swagger)(...args)(...target));
  };
  return (...args) => ((...target: never[]) => postpone(args, target)) as unknown as D;
}
